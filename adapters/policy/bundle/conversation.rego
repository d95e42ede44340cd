# Messages: everyone may send them, up to a size.
#
# `message_length` is in bytes of UTF-8.
package soma

import rego.v1

longest_message := 262144

permitted if input.action == "conversation.send"

reasons contains reason if {
	input.action == "conversation.send"
	input.context.message_length > longest_message
	reason := sprintf("a message has at most %v bytes", [longest_message])
}

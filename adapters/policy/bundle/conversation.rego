# Messages: everyone may send them, up to a size.
package soma

import rego.v1

longest_message := 262144

permitted if input.action == "conversation.send"

reasons contains reason if {
	input.action == "conversation.send"
	input.context.message_bytes > longest_message
	reason := sprintf("a message has at most %v bytes", [longest_message])
}

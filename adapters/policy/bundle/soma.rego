# The platform's policy: what is permitted, unless a reason speaks against it.
#
# `input` is the request: tenant, persona_id, action, resource, context.
# The platform asks for `allow`, and on a denial shows `reasons` to people.
package soma

import rego.v1

default allow := false

allow if {
	permitted
	count(reasons) == 0
}

reasons contains reason if {
	not permitted
	reason := sprintf("%v on %v is not permitted", [input.action, input.resource])
}

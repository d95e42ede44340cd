# Operating the platform: for who holds the scope, whatever part of it.
#
# `context.scopes` are those of the caller, as its credentials say.
package soma

import rego.v1

permitted if {
	startswith(input.action, "admin.")
	"admin" in input.context.scopes
}

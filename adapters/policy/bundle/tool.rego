# Tools: those that touch nothing but the platform itself.
package soma

import rego.v1

safe_tools := {"echo", "timestamp", "memory_search"}

permitted if {
	input.action == "tool.execute"
	input.resource in safe_tools
}

reasons contains "the format DENY is not permitted" if {
	input.action == "tool.execute"
	input.resource == "timestamp"
	input.context.args.format == "DENY"
}

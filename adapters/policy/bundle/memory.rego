# The memory: everyone may write and recall their own.
package soma

import rego.v1

permitted if input.action == "memory.write"

permitted if input.action == "memory.recall"

# What everyone may do with what is their own: their settings and their attachments.
package soma

import rego.v1

permitted if input.action in {"settings.update", "attachment.upload"}

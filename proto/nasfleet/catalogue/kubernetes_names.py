"""How Kubernetes has names written, as patterns and in words."""

SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
SUBDOMAIN_HINT = "lower-case letters, digits, hyphens and points, with a letter or digit at both ends of each part"
LABEL_VALUE = r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
LABEL_VALUE_HINT = "letters, digits, hyphens, underscores and points, with a letter or digit at both ends"
QUALIFIED = rf"({SUBDOMAIN}/)?{LABEL_VALUE}"
QUALIFIED_HINT = "a name like example.com/name"

LABEL_PATTERN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
LABEL_HINT = "lower-case letters, digits and hyphens, with a letter or digit at both ends"

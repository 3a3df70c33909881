"""How Kubernetes has names written, as patterns and in words."""

SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
SUBDOMAIN_HINT = "lower-case letters, digits, hyphens and points, with a letter or digit at both ends of each part"
LABEL_VALUE = r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
LABEL_VALUE_HINT = "letters, digits, hyphens, underscores and points, with a letter or digit at both ends"
QUALIFIED = rf"({SUBDOMAIN}/)?{LABEL_VALUE}"
QUALIFIED_LENGTHS = r"([^/]{1,253}/)?[^/]{1,63}"
QUALIFIED_HINT = "a name like example.com/name, of at most 63 characters behind a domain of at most 253"
RESOURCE = rf"{SUBDOMAIN}/{LABEL_VALUE}"
RESOURCE_LENGTHS = r"[^/]{1,244}/[^/]{1,63}"
"""Shorter than other domains: quotas put `requests.` before it."""
RESOURCE_HINT = "a resource like nvidia.com/gpu, of at most 63 characters behind a domain of at most 244"
LONGEST_LABEL_VALUE = 63
LABELS_HINT = "keys and values as labels have them in Kubernetes"

LABEL_PATTERN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
LABEL_HINT = "lower-case letters, digits and hyphens, with a letter or digit at both ends"

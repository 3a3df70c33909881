{{/* Rules of NetworkPolicies: whom our pods may call. */}}

{{/* Policies see the port of the pods behind a service, which for DNS is 5353 on some clusters. */}}
{{- define "nasfleet.egress.dns" -}}
- ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}, {port: 5353, protocol: UDP}, {port: 5353, protocol: TCP}]
  {{- with .Values.networkPolicy.dns }}
  to: {{ toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* Behind its address in the cluster it may be anywhere, so that without networkPolicy.apiServer the port alone is said. */}}
{{- define "nasfleet.egress.apiServer" -}}
- ports:
  {{- range .Values.networkPolicy.apiServerPorts }}
  - {port: {{ . }}}
  {{- end }}
  {{- with .Values.networkPolicy.apiServer }}
  to:
  {{- range . }}
  - ipBlock: {cidr: {{ . }}}
  {{- end }}
  {{- end }}
{{- end -}}

{{- define "nasfleet.egress.controller" -}}
- to:
  - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ .Release.Namespace }}}}
    podSelector:
      matchLabels: {{ include "nasfleet.selector" (list . "controller") | nindent 8 }}
  ports: [{port: 50051}]
{{- end -}}

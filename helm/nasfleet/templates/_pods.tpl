{{/* What the pods of controller, operator and test have in common; all meet the restricted Pod Security level. */}}

{{/* The labels and annotations of a pod; the argument is (list $ "component" .Values.controller).
     The chart's version is none of them, so that an upgrade that changes nothing else restarts nothing. */}}
{{- define "nasfleet.pod.metadata" -}}
{{- $ := index . 0 -}}
{{- $values := index . 2 -}}
labels:
  {{- include "nasfleet.selector" . | nindent 2 }}
  app.kubernetes.io/part-of: nasfleet
  {{- with merge dict $values.podLabels $.Values.commonLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Where a pod runs; the argument is (list $ .Values.controller). */}}
{{- define "nasfleet.pod.placement" -}}
{{- $ := index . 0 -}}
{{- $values := index . 1 -}}
{{- with $.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $values.topologySpreadConstraints }}
topologySpreadConstraints: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{- define "nasfleet.pod.securityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "nasfleet.container.securityContext" -}}
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
readOnlyRootFilesystem: true
{{- end -}}

{{/* What a client of the controller knows it by, and what it shows: a volume at /var/run/secrets/nasfleet. */}}
{{- define "nasfleet.identity.volume" -}}
- name: identity
  projected:
    sources:
    - secret:
        name: {{ include "nasfleet.tls.secret" . }}
        items: [{key: ca.crt, path: ca.crt}]
    {{- if eq .Values.authentication.mode "Kubernetes" }}
    - serviceAccountToken: {path: token, audience: {{ .Values.authentication.audience | quote }}, expirationSeconds: 3600}
    {{- end }}
{{- end -}}
{{- define "nasfleet.identity.mount" -}}
- {name: identity, mountPath: /var/run/secrets/nasfleet, readOnly: true}
{{- end -}}

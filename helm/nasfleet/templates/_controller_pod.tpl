{{/* The controller's pod, the same in its StatefulSet and in its Deployment; the volume `state` comes from these. */}}
{{- define "nasfleet.controller.pod" -}}
{{- $encrypted := ne .Values.tls.mode "none" -}}
{{- $reviews := eq .Values.authentication.mode "Kubernetes" -}}
serviceAccountName: {{ include "nasfleet.controller.account" . }}
automountServiceAccountToken: {{ $reviews }}
securityContext: {{ include "nasfleet.pod.securityContext" . | nindent 2 }}
{{- include "nasfleet.pod.placement" (list . .Values.controller) }}
containers:
- name: controller
  image: {{ include "nasfleet.image" (list . .Values.controller.image) }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command: [nasfleet, controller]
  env:
  - {name: NASFLEET_STATE, value: /state}
  - {name: NASFLEET_LISTEN, value: "0.0.0.0:50051"}
  - {name: NASFLEET_METRICS, value: "0.0.0.0:9464"}
  - {name: NASFLEET_HEALTH, value: "0.0.0.0:50052"}
  {{- if $encrypted }}
  - {name: NASFLEET_TLS_CERTIFICATE, value: /tls/tls.crt}
  - {name: NASFLEET_TLS_KEY, value: /tls/tls.key}
  {{- end }}
  - {name: NASFLEET_AUTHENTICATION, value: {{ .Values.authentication.mode | quote }}}
  {{- if $reviews }}
  - {name: NASFLEET_AUDIENCE, value: {{ .Values.authentication.audience | quote }}}
  {{- if .Values.operator.enabled }}
  - name: NASFLEET_OPERATOR_ACCOUNT
    value: system:serviceaccount:{{ .Release.Namespace }}:{{ include "nasfleet.operator.account" . }}
  {{- end }}
  {{- end }}
  {{- with .Values.controller.postgresql }}
  {{- if .existingSecret }}
  - name: NASFLEET_STORE_URL
    valueFrom: {secretKeyRef: {name: {{ .existingSecret }}, key: {{ .key }}}}
  {{- end }}
  {{- end }}
  {{- with .Values.controller.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  ports:
  - {name: grpc, containerPort: 50051}
  - {name: health, containerPort: 50052}
  - {name: metrics, containerPort: 9464}
  # It reads its searches before it answers: with very many trials that takes minutes.
  startupProbe: {grpc: {port: 50052}, periodSeconds: 2, failureThreshold: 300}
  readinessProbe: {grpc: {port: 50052}, periodSeconds: 5}
  # Not whether it serves: while the store is away it answers that it does not, and a restart would not bring it back.
  livenessProbe: {tcpSocket: {port: health}, periodSeconds: 10, failureThreshold: 6}
  resources: {{ toYaml .Values.controller.resources | nindent 4 }}
  securityContext: {{ include "nasfleet.container.securityContext" . | nindent 4 }}
  volumeMounts:
  - {name: state, mountPath: /state}
  - {name: tmp, mountPath: /tmp}
  {{- if $encrypted }}
  - {name: tls, mountPath: /tls, readOnly: true}
  {{- end }}
{{- end -}}

{{- define "nasfleet.controller.volumes" -}}
- {name: tmp, emptyDir: {}}
{{- if ne .Values.tls.mode "none" }}
- name: tls
  secret:
    secretName: {{ include "nasfleet.tls.secret" . }}
    items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]
    defaultMode: 0440
{{- end }}
{{- end -}}

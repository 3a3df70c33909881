{{/* Names, labels and addresses: what several templates have to agree on. */}}

{{- define "nasfleet.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride }}
{{- else if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{- define "nasfleet.controller.name" -}}{{ include "nasfleet.fullname" . }}-controller{{- end -}}
{{- define "nasfleet.operator.name" -}}{{ include "nasfleet.fullname" . }}-operator{{- end -}}

{{- define "nasfleet.controller.account" -}}
{{ .Values.controller.serviceAccount.name | default (include "nasfleet.controller.name" .) }}
{{- end -}}
{{- define "nasfleet.operator.account" -}}
{{ .Values.operator.serviceAccount.name | default (include "nasfleet.operator.name" .) }}
{{- end -}}

{{/* The labels of everything; the argument is (list $ "component"). */}}
{{- define "nasfleet.labels" -}}
{{- $ := index . 0 -}}
{{ include "nasfleet.selector" . }}
app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: nasfleet
app.kubernetes.io/managed-by: {{ $.Release.Service }}
helm.sh/chart: {{ $.Chart.Name }}-{{ $.Chart.Version | replace "+" "_" }}
{{- with $.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The labels by which a component's pods are found; they never change. */}}
{{- define "nasfleet.selector" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: nasfleet
app.kubernetes.io/instance: {{ $.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* The labels that the operator gives to the pods of all pools. */}}
{{- define "nasfleet.trainers.selector" -}}
app.kubernetes.io/managed-by: nasfleet-operator
app.kubernetes.io/component: trainer
{{- end -}}

{{/* An image's full name; the argument is (list $ .Values.controller.image). */}}
{{- define "nasfleet.image" -}}
{{- $ := index . 0 -}}
{{- $image := index . 1 -}}
{{- with $.Values.image.registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{ $image.repository }}
{{- if $image.digest -}}
@{{ $image.digest }}
{{- else -}}
:{{ $image.tag | default $.Values.image.tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* The controller's address, for everybody in the cluster. */}}
{{- define "nasfleet.controller.host" -}}
{{ include "nasfleet.controller.name" . }}.{{ .Release.Namespace }}.svc
{{- end -}}
{{- define "nasfleet.controller.address" -}}
{{ include "nasfleet.controller.host" . }}:{{ .Values.controller.service.port }}
{{- end -}}

{{/* The Secret with tls.crt, tls.key and ca.crt. */}}
{{- define "nasfleet.tls.secret" -}}
{{- if eq .Values.tls.mode "existingSecret" -}}
{{ .Values.tls.existingSecret }}
{{- else -}}
{{ include "nasfleet.controller.name" . }}-tls
{{- end -}}
{{- end -}}

{{/* What the controller's certificate is for, as {"names": [...], "addresses": [...]} in JSON. */}}
{{- define "nasfleet.tls.subjects" -}}
{{- $host := printf "%s.%s" (include "nasfleet.controller.name" .) .Release.Namespace -}}
{{- $own := list (printf "%s.svc" $host) $host (printf "%s.svc.%s" $host .Values.tls.clusterDomain) "localhost" "127.0.0.1" -}}
{{- $names := list -}}
{{- $addresses := list -}}
{{- range concat $own .Values.tls.extraNames | uniq -}}
{{- if regexMatch "^([0-9.]+|.*:.*)$" . -}}
{{- $addresses = append $addresses . -}}
{{- else -}}
{{- $names = append $names . -}}
{{- end -}}
{{- end -}}
{{- dict "names" $names "addresses" $addresses | toJson -}}
{{- end -}}

{{/* The namespaces that trainers are prepared for, as a list in JSON. */}}
{{- define "nasfleet.trainers.namespaces" -}}
{{- prepend .Values.trainers.namespaces .Release.Namespace | uniq | toJson -}}
{{- end -}}

{{/* What people's commands know the controller by, where they look for it; the argument is (list $ "certificates in PEM"). */}}
{{- define "nasfleet.tls.authority" -}}
{{- $ := index . 0 -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "nasfleet.controller.name" $ }}-ca
  namespace: {{ $.Release.Namespace }}
  labels: {{ include "nasfleet.labels" (list $ "controller") | nindent 4 }}
data:
  ca.crt: {{ index . 1 | quote }}
  audience: {{ $.Values.authentication.audience | quote }}
{{- end -}}

{{- define "driftless.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "driftless.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "driftless.labels" -}}
{{ include "driftless.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "driftless.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* agent.yaml: the settings, and what only the chart knows. */}}
{{- define "driftless.settings" -}}
{{- $settings := deepCopy .Values.settings -}}
{{- range $key := list "environment" "source" "cluster" -}}
{{- if not (hasKey $settings $key) -}}
{{- fail (printf "settings.%s is needed: see values.yaml and docs/reference/agent.md" $key) -}}
{{- end -}}
{{- end -}}
{{- if and (gt (int .Values.replicas) 1) (not ($settings.lease | default dict).group) -}}
{{- fail "replicas > 1 needs settings.lease.group: without one every replica would act, and pods share no file" -}}
{{- end -}}
{{- $_ := set $settings "apiVersion" "driftless.dev/v1" -}}
{{- $_ := set $settings "kind" "Agent" -}}
{{- $_ := set $settings "stateDirectory" "/var/lib/driftless" -}}
{{- if .Values.http.enabled -}}
{{- $http := $settings.http | default dict -}}
{{- $_ := set $http "listen" (printf "0.0.0.0:%d" (int .Values.http.port)) -}}
{{- if .Values.http.tokenSecret.name -}}
{{- $_ := set $http "tokenFile" (printf "/run/driftless/http/%s" .Values.http.tokenSecret.key) -}}
{{- end -}}
{{- $_ := set $settings "http" $http -}}
{{- end -}}
{{- if .Values.passwords -}}
{{- $secrets := $settings.secrets | default dict -}}
{{- $_ := set $secrets "directory" "/run/driftless/passwords" -}}
{{- $_ := set $settings "secrets" $secrets -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end -}}

{{/* Names, labels and images: what more than one template says. */}}

{{- define "bionemo-operator.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Prefix of all names. 40 characters, so that what is appended still fits 63. */}}
{{- define "bionemo-operator.fullname" -}}
{{- $name := include "bionemo-operator.name" . -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{/* Of objects of the whole cluster: releases of one name in two namespaces must not meet. */}}
{{- define "bionemo-operator.clusterName" -}}
{{ printf "%s:%s" .Release.Namespace (include "bionemo-operator.fullname" .) }}
{{- end }}

{{- define "bionemo-operator.serviceAccountName" -}}
{{ .Values.serviceAccount.name | default (ternary (include "bionemo-operator.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "bionemo-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "bionemo-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Managed by Helm, said with its own label: the operator looks for pods that are managed by itself. */}}
{{- define "bionemo-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "bionemo-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: bionemo
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels of the pods that trainings and preparations run in, as operator/bionemo_operator/planning/names.py has them. */}}
{{- define "bionemo-operator.workloadLabels" -}}
app.kubernetes.io/managed-by: bionemo-operator
{{- end }}

{{/* An image by digest or by tag. Takes a list: the image's values, the chart's version. */}}
{{- define "bionemo-operator.image" -}}
{{- $image := index . 0 -}}
{{- if $image.digest -}}
{{ printf "%s@%s" $image.repository $image.digest }}
{{- else -}}
{{ printf "%s:%s" $image.repository ($image.tag | default (index . 1)) }}
{{- end -}}
{{- end }}

{{/* Whether Prometheus' own kinds are known; empty when not. */}}
{{- define "bionemo-operator.hasPrometheus" -}}
{{- if .Capabilities.APIVersions.Has "monitoring.coreos.com/v1" }}true{{ end -}}
{{- end }}

{{/* What the operator does in a namespace, and not a verb more. */}}
{{- define "bionemo-operator.rules" -}}
- apiGroups: [bionemo.dev]
  resources: [bionemotrainings, bionemopreprocesses]
  verbs: [list, watch, delete] # delete: what has outlived its time after the end
- apiGroups: [bionemo.dev]
  resources: [bionemotrainings/status, bionemopreprocesses/status]
  verbs: [patch]
- apiGroups: [bionemo.dev]
  resources: [bionemotrainings/finalizers, bionemopreprocesses/finalizers]
  verbs: [update] # some clusters, OpenShift among them, demand it of whoever makes objects that block their owner's deletion
- apiGroups: [kubeflow.org]
  resources: [pytorchjobs]
  verbs: [get, list, watch, create, delete]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete] # patch: to suspend and resume
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, delete] # delete: pods of a node that is gone, which nobody else removes
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}

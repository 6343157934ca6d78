# What scripts/register_endpoints.sh registers for models that run at Sightline, as Terraform resources: endpoints,
# pipelines and indices, from the same files of es_config/.
#
#   export ELASTICSEARCH_ENDPOINTS=https://es.example:9200 ELASTICSEARCH_API_KEY=...
#   terraform init
#   terraform apply -var sightline_url=http://sightline.example:8080 \
#     -var 'models={"clip": {"dims": 768, "fingerprint": "..."}}'          # both as GET /v1/models/clip shows them
#
# Needs a cluster that runs inference itself (8.19, 9.1 or later, Enterprise or trial licence), or a Sightline gateway as
# ELASTICSEARCH_ENDPOINTS. Elasticsearch calls Sightline to create an endpoint, so Sightline must be running.

terraform {
  required_providers {
    elasticstack = {
      source  = "elastic/elasticstack"
      version = ">= 0.15.1" # the first ones have no resource for inference endpoints
    }
  }
}

variable "sightline_url" {
  type        = string
  description = "Sightline as Elasticsearch reaches it"
  default     = "http://127.0.0.1:8080"
}

variable "sightline_api_key" {
  type        = string
  description = "A key of Sightline with the scope infer, if it requires keys"
  default     = ""
  sensitive   = true
}

variable "models" {
  type        = map(object({ dims = number, fingerprint = string }))
  description = "Models to set up, of clip and jina-clip, with the dims and the fingerprint that GET /v1/models shows"
}

provider "elasticstack" {
  elasticsearch {}
}

locals {
  es_config = "${path.module}/../../es_config"
  index_of  = { "clip" = "clip-images", "jina-clip" = "jina-images" }
  endpoints = toset(flatten([for model in keys(var.models) : ["${model}-ingest", "${model}-search"]]))

  # The files with their placeholders filled in.
  endpoint = { for id in local.endpoints : id => jsondecode(
    replace(file("${local.es_config}/inference/${id}.json"), "@SIGHTLINE_URL@", var.sightline_url)
  ) }
  pipeline = { for model, served in var.models : model => jsondecode(
    replace(file("${local.es_config}/pipelines/${local.index_of[model]}.json"), "@FINGERPRINT:${model}@", served.fingerprint)
  ) }
  index = { for model, served in var.models : model => jsondecode(
    replace(file("${local.es_config}/indices/${local.index_of[model]}.json"), "\"@DIMS:${model}@\"", tostring(served.dims))
  ) }

  key_header = var.sightline_api_key == "" ? {} : { Authorization = "Bearer $${api_key}" }
  key_secret = var.sightline_api_key == "" ? {} : { secret_parameters = { api_key = var.sightline_api_key } }
}

resource "elasticstack_elasticsearch_inference_endpoint" "sightline" {
  for_each     = local.endpoints
  inference_id = each.value
  task_type    = "text_embedding"
  service      = local.endpoint[each.value].service
  service_settings = jsonencode(merge(
    local.endpoint[each.value].service_settings,
    { headers = merge(local.endpoint[each.value].service_settings.headers, local.key_header) },
    local.key_secret
  ))
}

resource "elasticstack_elasticsearch_ingest_pipeline" "sightline" {
  for_each    = var.models
  name        = local.index_of[each.key]
  description = local.pipeline[each.key].description
  processors  = [for processor in local.pipeline[each.key].processors : jsonencode(processor)]
  depends_on  = [elasticstack_elasticsearch_inference_endpoint.sightline]
}

resource "elasticstack_elasticsearch_index" "sightline" {
  for_each             = var.models
  name                 = local.index_of[each.key]
  default_pipeline     = local.index[each.key].settings.index.default_pipeline
  auto_expand_replicas = local.index[each.key].settings.index.auto_expand_replicas
  mappings = jsonencode(merge(local.index[each.key].mappings, {
    _meta = { sightline = { image_embedding = { model = each.key, fingerprint = each.value.fingerprint } } }
  }))
  depends_on = [elasticstack_elasticsearch_ingest_pipeline.sightline]
}

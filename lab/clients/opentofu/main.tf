terraform {
  required_providers {
    kubectl = { source = "gavinbunney/kubectl" }
  }
}
variable "namespace" { type = string }
variable "replicas" { type = number }

provider "kubectl" {}

resource "kubectl_manifest" "cluster" {
  server_side_apply = true
  yaml_body = yamlencode({
    apiVersion = "skerry.dev/v1alpha1"
    kind       = "Cluster"
    metadata   = { name = "tofu", namespace = var.namespace, labels = { "lab.skerry.dev/settle" = "true" } }
    spec       = { site = "lab", release = "2026.4.1", controlPlane = { machineType = "b2.c2r4" } }
  })
}

resource "kubectl_manifest" "pool" {
  depends_on = [kubectl_manifest.cluster]
  yaml_body = yamlencode({
    apiVersion = "skerry.dev/v1alpha1"
    kind       = "NodePool"
    metadata   = { name = "tofu-workers", namespace = var.namespace }
    spec       = { cluster = "tofu", machineType = "b2.c2r4", replicas = var.replicas }
  })
}

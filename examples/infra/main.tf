# What an environment stands on, as small as it gets: no provider, so `terraform init` downloads nothing.
# In tagship.toml: [environments.dev.infra] directory = "examples/infra"

terraform {
  required_version = ">= 1.11"

  backend "s3" {} # bucket, key and locking are given by `inv infra`
}

# One release: replaced when the artifact, or where it is, changes. A real configuration has its instances, its
# task definition or its function here, and names the bundle or the image by the same variables.
resource "terraform_data" "release" {
  input = {
    artifact    = var.artifact_id
    bundle      = "s3://${var.deployment_bucket}/${var.deployment_key}"
    image       = var.image_uri
    environment = var.environment
  }
}

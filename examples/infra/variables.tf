# tagship exports each of these as TF_VAR_<name>; what a configuration does not declare is passed over.

variable "artifact_id" {
  type = string
}

variable "environment" {
  type = string
}

variable "deployment_bucket" {
  type = string
}

variable "deployment_key" {
  type = string
}

variable "image_uri" {
  description = "The image by digest; empty where the app runs as a process."
  type        = string
  default     = ""
}

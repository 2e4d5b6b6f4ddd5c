output "release" {
  value = terraform_data.release.output
}

"""The AWS that the sandbox embeds: moto, made strict and made to act. A file a service."""

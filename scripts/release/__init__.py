"""tagship's own releases: `inv release` here, and what release.yml runs. No part of the package."""

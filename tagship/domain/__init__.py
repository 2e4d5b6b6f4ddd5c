"""Pure: values in, values out, `now` passed in. The standard library and semver only."""

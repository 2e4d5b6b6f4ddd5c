"""Every port played by hand; each fake is held to the contract tests of the adapter it stands for."""

"""One file a verb, one public function of that name."""

"""One public function per verb: the verb that the user types."""

"""From verdicts to people: alerts, the incidents they make up, and the notices that tell of them."""

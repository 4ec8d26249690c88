"""Human YAML in, one frozen, explicit, hashed experiment out."""

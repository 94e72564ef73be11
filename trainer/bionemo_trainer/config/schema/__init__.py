"""The typed form of a configuration; every setting is declared here once, with its meaning, unit and default."""

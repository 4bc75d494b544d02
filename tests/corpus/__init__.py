"""Bad input, as data and as generators: what a hostile or broken CSMS may send to a station."""

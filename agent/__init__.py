"""The charging-station software: pure core, protocol codecs, services and their composition."""

"""Keys, certificates and trust anchors: made, kept and checked on the device."""

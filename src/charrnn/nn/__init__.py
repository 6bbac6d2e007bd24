"""The network, from ids to a loss and back: parameters, cells, layers, readout."""

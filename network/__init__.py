"""A Fabric network on one machine: topology, native processes, channels, chaincode packages."""

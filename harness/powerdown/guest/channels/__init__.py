"""Ways into a guest: WinRM and the guest agent."""

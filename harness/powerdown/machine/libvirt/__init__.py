"""Guests as libvirt domains: started, pressed, watched and ended through libvirt."""

"""What an attacker may do, by what is attacked."""

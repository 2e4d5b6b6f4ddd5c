"""What init and eject share: files of somebody's repository, shown before they are written, and never overwritten."""

"""The kernel of Kabinet: what every service stands on, without a business word outside `contracts`."""

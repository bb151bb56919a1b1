"""What every page stands on: the visit, its cookies and forms, guards, errors. The pages themselves are in `pages`."""

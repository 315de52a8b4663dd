// Keeps an open page fresh.

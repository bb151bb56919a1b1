"""Events for those who read them: the gate that keeps old ones readable, AsyncAPI, a page for people."""

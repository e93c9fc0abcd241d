"""Event classes, JSON-RPC bytes ⇄ events, events ⇄ stored rows."""

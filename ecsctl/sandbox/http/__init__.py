"""An HTTP request, what may send one, what is logged of it, and errors as each AWS protocol phrases them."""

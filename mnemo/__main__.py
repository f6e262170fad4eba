"""C{python -m mnemo} is C{mnemo}, for whoever knows the interpreter and not the script."""

from mnemo.cli.main import main

main(prog_name="mnemo")

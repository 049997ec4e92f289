package main

import data.lib

deny contains "nobody's" if lib.unowned

warn contains "would be somebody's" if {
	not lib.unowned with input as {"metadata": {"labels": {"owner": "payments"}}}
}

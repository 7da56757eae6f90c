module kata-torture

go 1.26

// A small chaincode on the official Go shim: the baseline for the chaincode server in Python.
//
// It serves what CHAINCODE_ID and CHAINCODE_SERVER_ADDRESS say.
package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

type transfers struct{}

func (transfers) Init(shim.ChaincodeStubInterface) *peer.Response {
	return shim.Success(nil)
}

func (transfers) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	function, arguments := stub.GetFunctionAndParameters()
	switch function {
	case "describe":
		return shim.Success([]byte(`{"name":"go_transfers"}`))
	case "transfer":
		if len(arguments) != 3 {
			return shim.Error("transfer takes from, to, amount")
		}
		return transfer(stub, arguments[0], arguments[1], arguments[2])
	}
	return shim.Error("there is no function " + function)
}

// transfer moves an amount: two reads, two writes. An account that is new has a million.
func transfer(stub shim.ChaincodeStubInterface, from, to, amount string) *peer.Response {
	moved, err := strconv.ParseInt(amount, 10, 64)
	if err != nil || moved <= 0 {
		return shim.Error("the amount is no positive number")
	}
	source, err := balance(stub, from)
	if err != nil {
		return shim.Error(err.Error())
	}
	target, err := balance(stub, to)
	if err != nil {
		return shim.Error(err.Error())
	}
	if source < moved {
		return shim.Error("not enough")
	}
	for _, one := range []struct {
		key   string
		value int64
	}{{from, source - moved}, {to, target + moved}} {
		if err := stub.PutState(one.key, []byte(strconv.FormatInt(one.value, 10))); err != nil {
			return shim.Error(err.Error())
		}
	}
	return shim.Success(nil)
}

func balance(stub shim.ChaincodeStubInterface, key string) (int64, error) {
	raw, err := stub.GetState(key)
	if err != nil {
		return 0, err
	}
	if raw == nil {
		return 1_000_000, nil
	}
	return strconv.ParseInt(string(raw), 10, 64)
}

func main() {
	server := &shim.ChaincodeServer{
		CCID:     os.Getenv("CHAINCODE_ID"),
		Address:  os.Getenv("CHAINCODE_SERVER_ADDRESS"),
		CC:       transfers{},
		TLSProps: shim.TLSProperties{Disabled: true},
	}
	if err := server.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

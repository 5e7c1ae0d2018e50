"""Half the bid-ask spread of an option quote, from its volume and price: a model as small as one can be."""

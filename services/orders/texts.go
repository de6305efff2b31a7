package orders

import (
	"fmt"

	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
	"github.com/intentgate/intentgate/services/speech"
)

// The shop's languages and what it says in them, for short.
type (
	language = speech.Language
	text     = speech.Text
)

// say returns words about an order: {id}, {items}, {day} and {carrier} are filled in.
func (o *order) say(words text, lang language) string {
	return words.In(lang, "{id}", o.id, "{items}", o.items[lang], "{day}", speech.Day(lang, o.day), "{carrier}", o.carrier)
}

// What the shop says.
var (
	greeting = text{
		"Hello! I can tell you where your order is, or cancel it. Just ask: where is order A-1042?",
		"Hallo! Ich sage Ihnen, wo Ihre Bestellung ist, oder storniere sie. Fragen Sie einfach: Wo ist Bestellung A-1042?",
	}
	notUnderstood = text{
		"Sorry, I did not get that. You can ask me where an order is, or to cancel one.",
		"Das habe ich leider nicht verstanden. Fragen Sie mich, wo eine Bestellung ist, oder stornieren Sie eine.",
	}
	whichOrder = text{
		"Which order do you mean? Its number looks like A-1042.",
		"Welche Bestellung meinen Sie? Die Nummer sieht aus wie A-1042.",
	}
	unknownOrder = text{
		"I can't find an order with that number. It is a letter, a dash and four digits, such as A-1042.",
		"Unter dieser Nummer finde ich keine Bestellung. Sie besteht aus einem Buchstaben, einem Strich und vier Ziffern, zum Beispiel A-1042.",
	}
	noOrders = text{
		"I can't find any such orders.",
		"Solche Bestellungen finde ich nicht.",
	}
	whereabouts = map[ordersv1.OrderStatus]text{
		packing: {
			"Order {id}, {items}, is being packed. {carrier} should bring it on {day}.",
			"Bestellung {id}, {items}, wird gerade gepackt. {carrier} bringt sie voraussichtlich am {day}.",
		},
		shipped: {
			"Order {id}, {items}, is on its way. {carrier} should bring it on {day}.",
			"Bestellung {id}, {items}, ist unterwegs. {carrier} bringt sie voraussichtlich am {day}.",
		},
		delivered: {
			"Order {id}, {items}, was delivered by {carrier} on {day}.",
			"Bestellung {id}, {items}, wurde am {day} von {carrier} zugestellt.",
		},
		cancelled: {
			"Order {id}, {items}, has been cancelled.",
			"Bestellung {id}, {items}, wurde storniert.",
		},
	}
	tooLate = map[ordersv1.OrderStatus]text{
		shipped: {
			"Order {id} can't be cancelled any more: it is already on its way. You can refuse it at the door.",
			"Bestellung {id} lässt sich nicht mehr stornieren: Sie ist schon unterwegs. Sie können die Annahme verweigern.",
		},
		delivered: {
			"Order {id} can't be cancelled any more: it was delivered on {day}. You can send it back within 14 days.",
			"Bestellung {id} lässt sich nicht mehr stornieren: Sie wurde am {day} zugestellt. Sie können sie innerhalb von 14 Tagen zurückschicken.",
		},
		cancelled: {
			"Order {id} has already been cancelled.",
			"Bestellung {id} ist bereits storniert.",
		},
	}
	reallyCancel = text{
		"Order {id}, {items}, has not left us yet. Shall I cancel it?",
		"Bestellung {id}, {items}, ist noch bei uns. Soll ich sie stornieren?",
	}
	cancelDone = text{
		"Done: order {id} is cancelled, and you will get your money back.",
		"Erledigt: Bestellung {id} ist storniert, und Sie erhalten Ihr Geld zurück.",
	}
	cancelNot = text{
		"All right, order {id} stays as it is.",
		"Gut, Bestellung {id} bleibt, wie sie ist.",
	}
	nothingToCancel = text{
		"There is nothing to confirm. Which order would you like to cancel?",
		"Es gibt nichts zu bestätigen. Welche Bestellung möchten Sie stornieren?",
	}
	notDelivered = text{
		"Order {id} has not been delivered, so there is nothing to send back.",
		"Bestellung {id} wurde nicht zugestellt, also gibt es nichts zurückzuschicken.",
	}
	notInOrder = text{
		"Order {id}, {items}, has no such thing left to send back, or not that many.",
		"Das ist von Bestellung {id}, {items}, nicht mehr zurückzuschicken, oder nicht so viel davon.",
	}
	returnDone = text{
		"All right: as soon as it is back with us, you get {refund} for order {id}.",
		"Gut: Sobald es wieder bei uns ist, erhalten Sie {refund} für Bestellung {id}.",
	}
)

// euros says an amount of money.
func euros(cents int64, lang language) string {
	if lang == speech.German {
		return fmt.Sprintf("%d,%02d €", cents/100, cents%100)
	}
	return fmt.Sprintf("€%d.%02d", cents/100, cents%100)
}

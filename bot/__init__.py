"""The dialogue engine: Rasa Open Source 3.6.21 behind one channel of our own. It knows no money and holds no secret
but its two service tokens.
"""

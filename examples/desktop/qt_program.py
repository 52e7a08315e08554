"""The program of `api-models gui`, smaller, in Qt: the same conversation, other widgets.

    pip install 'api-models[qt]' && python examples/desktop/qt_program.py

Enter sends, Escape stops, Ctrl+P pauses and resumes, Ctrl+G continues an answer that broke off.
"""

import sys

from PySide6.QtCore import QTimer
from PySide6.QtGui import QColor, QFont, QKeySequence, QPalette, QShortcut, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QTextEdit,
    QVBoxLayout,
    QWidget,
)

from api_models import APIModelManager
from api_models.desktop.choices import model_choices
from api_models.desktop.conversation import Conversation, Setup
from api_models.desktop.palette import palette_of

REFRESH = 100  # milliseconds between two looks at state and figures


class Window(QWidget):
    """A view of one conversation; all of it happens on the thread of the application."""

    def __init__(self, manager, models, colours):
        super().__init__(windowTitle="api_models")
        self.colours = colours
        self.conversation = Conversation(Setup(manager, models, {}), self)
        self.build(models)
        self.conversation.pump.attach_qt(self)
        QTimer(self, interval=REFRESH, timeout=self.conversation.refresh).start()
        for keys, action in (
            ("Escape", self.conversation.stop),
            ("Ctrl+P", self.conversation.pause_or_resume),
            ("Ctrl+G", self.go_on),
            ("Ctrl+Q", self.close),
        ):
            QShortcut(QKeySequence(keys), self, action)
        self.resize(720, 600)
        self.prompt.setFocus()
        self.conversation.refresh()

    def build(self, models):
        self.model = QComboBox(editable=True)
        self.model.addItems(models)
        self.state, self.figures, self.error = QLabel(), QLabel(), QLabel(wordWrap=True)
        self.error.setStyleSheet(f"color: {self.colours.danger}")
        self.text, self.style_shown = QTextEdit(readOnly=True), ""
        self.text.document().setDocumentMargin(14)
        self.prompt = QLineEdit(placeholderText="Ask something", returnPressed=self.ask)
        self.pause = QPushButton("Pause", clicked=self.conversation.pause_or_resume)
        self.stop = QPushButton("Stop", clicked=self.conversation.stop)
        self.more = QPushButton("Continue", clicked=self.go_on)
        layout = QVBoxLayout(self, spacing=10)
        layout.setContentsMargins(14, 14, 14, 14)
        for row in (
            (self.model, self.state),
            (self.text,),
            (self.error, self.more),
            (self.figures, self.pause, self.stop),
            (self.prompt,),
        ):
            line = QHBoxLayout()
            for number, widget in enumerate(row):
                line.addWidget(widget, stretch=1 if number == 0 else 0)
            layout.addLayout(line, stretch=1 if self.text in row else 0)

    def ask(self):
        if self.conversation.ask(self.prompt.text(), self.model.currentText() or None):
            self.prompt.clear()

    def go_on(self):
        self.conversation.go_on(self.model.currentText() or None)

    def closeEvent(self, event):
        self.conversation.close()
        super().closeEvent(event)

    # What a conversation asks of its view.

    def show_prompt(self, text):
        self.write("prompt", text, self.colours.accent)
        self.answer_starts_at = self.text.document().characterCount() - 1

    def show_text(self, text):
        self.write("answer", text, self.colours.text)

    def show_thinking(self, text):
        self.write("thinking", text, self.colours.muted)

    def show_note(self, text):
        self.write("note", text, self.colours.muted)

    def forget_answer(self):
        cursor = QTextCursor(self.text.document())
        cursor.setPosition(self.answer_starts_at)
        cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        self.style_shown = "prompt"

    def forget_all(self):
        self.text.clear()
        self.style_shown = ""

    def show_status(self, status):
        self.state.setText(f"● {status.title}")
        self.figures.setText(status.figures)
        self.error.setText(status.error)
        self.more.setVisible(status.can_continue)
        self.pause.setText("Resume" if status.is_paused else "Pause")
        for button in (self.pause, self.stop):
            button.setEnabled(status.is_running)

    def write(self, style, text, colour):
        """Append, after an empty line if it is of another style; follow the end if it was in view."""
        bar = self.text.verticalScrollBar()
        was_at_end = bar.value() >= bar.maximum() - 4
        looks = QTextCharFormat()
        looks.setForeground(QColor(colour))
        looks.setFontItalic(style == "thinking")
        looks.setFontWeight(QFont.Weight.Bold if style == "prompt" else QFont.Weight.Normal)
        cursor = QTextCursor(self.text.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        is_apart = style != self.style_shown and self.style_shown
        cursor.insertText(f"\n\n{text}" if is_apart else text, looks)
        self.style_shown = style
        if was_at_end:
            bar.setValue(bar.maximum())


def coloured(application, colours):
    """The same colours as the window of `api-models gui`."""
    application.setStyle("Fusion")
    palette, role = QPalette(), QPalette.ColorRole
    for roles, colour in (
        ((role.Window, role.AlternateBase), colours.window),
        ((role.Base,), colours.card),
        ((role.Button,), colours.button),
        ((role.WindowText, role.Text, role.ButtonText), colours.text),
        ((role.PlaceholderText,), colours.muted),
        ((role.Highlight,), colours.accent),
        ((role.HighlightedText,), colours.on_accent),
    ):
        for each in roles:
            palette.setColor(each, QColor(colour))
    palette.setColor(QPalette.ColorGroup.Disabled, role.ButtonText, QColor(colours.border))
    application.setPalette(palette)
    application.setStyleSheet("QLineEdit, QComboBox { padding: 6px } QPushButton { padding: 6px 14px }")
    font = application.font()
    font.setPointSize(11)
    application.setFont(font)


def main():
    application, colours = QApplication(sys.argv), palette_of("system")
    coloured(application, colours)
    with APIModelManager() as manager:
        window = Window(manager, model_choices(), colours)
        window.show()
        return application.exec()


if __name__ == "__main__":
    sys.exit(main())

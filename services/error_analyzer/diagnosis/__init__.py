"""What models find out about an error, and the fix that they write; nothing of theirs is run here."""

from services.error_analyzer.diagnosis.analyst import Analyst
from services.error_analyzer.diagnosis.engineer import Engineer, rules_for
from services.error_analyzer.diagnosis.source import SourceReader

__all__ = ["Analyst", "Engineer", "SourceReader", "rules_for"]

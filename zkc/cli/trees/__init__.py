"""Commands on whole trees and their files."""

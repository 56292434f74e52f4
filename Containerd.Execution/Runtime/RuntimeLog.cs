using System.Text;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Execution;

/// <summary>The log of one invocation of a runtime, in memory: concurrent invocations never mix, and nothing is left on disk however this process ends.</summary>
internal sealed class RuntimeLog : IDisposable
{
    private const int MaxBytes = 256 * 1024;
    private const int MaxMessages = 100;

    private readonly SafeFileHandle _file = Interop.CreateMemoryFile("runtime-log\0"u8);

    /// <summary>The path that the runtime opens.</summary>
    public string Path => Interop.PathOf(_file);

    public void Dispose() => _file.Dispose();

    /// <summary>What was logged, oldest first: the last 100 messages, and the last of level error or above.</summary>
    public (IReadOnlyList<string> Messages, string? Error) Read()
    {
        long length = RandomAccess.GetLength(_file);
        byte[] bytes = new byte[Math.Min(length, MaxBytes)];
        int read = RandomAccess.Read(_file, bytes, length - bytes.Length);
        var messages = new List<string>();
        string? error = null;
        foreach (string line in Encoding.UTF8.GetString(bytes, 0, read).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            (string level, string message) = Parse(line);
            messages.Add(Excerpt.OfMessage(message));
            if (level is "error" or "fatal" or "panic")
                error = Excerpt.OfMessage(message);
        }
        if (messages.Count > MaxMessages)
            messages.RemoveRange(0, messages.Count - MaxMessages);
        return (messages, error);
    }

    private static (string Level, string Message) Parse(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            if (document.RootElement is { ValueKind: JsonValueKind.Object } entry
                && entry.TryGetProperty("msg", out JsonElement message) && message.ValueKind == JsonValueKind.String)
            {
                string level = entry.TryGetProperty("level", out JsonElement l) && l.ValueKind == JsonValueKind.String ? l.GetString()! : "";
                return (level, message.GetString()!);
            }
        }
        catch (JsonException)
        {
            // A line that is no JSON (a Go panic, a first line cut off by the bound) is a message all the same.
        }
        return ("", line);
    }
}

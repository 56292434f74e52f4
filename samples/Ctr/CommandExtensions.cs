using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.Json;
using System.Text.Json.Nodes;
using Containerd;

namespace Ctr;

/// <summary>How every command runs: over a suite of its own, with errors as one message on standard error.</summary>
internal static class CommandExtensions
{
    /// <summary>The exit code where the command itself failed, so that <c>run</c> can pass on every code of a container (as docker and podman have it).</summary>
    public const int Failed = 125;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static Command Does(this Command command, Func<Suite, ParseResult, CancellationToken, Task<int>> action)
    {
        command.SetAction(async (parse, cancellationToken) =>
        {
            try
            {
                await using Suite suite = Suite.Open(parse);
                return await action(suite, parse, cancellationToken);
            }
            catch (Exception failure) when (IsExpected(failure))
            {
                return parse.Report(failure);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                Console.Error.WriteLine($"{parse.CommandPath()}: cancelled.");
                return 130;
            }
        });
        return command;
    }

    public static Command Does(this Command command, Func<Suite, ParseResult, CancellationToken, Task> action) =>
        command.Does(async (suite, parse, cancellationToken) =>
        {
            await action(suite, parse, cancellationToken);
            return 0;
        });

    /// <summary>Tells a failure on standard error.</summary>
    /// <returns>The exit code for it.</returns>
    public static int Report(this ParseResult parse, Exception failure)
    {
        Console.Error.WriteLine($"{parse.CommandPath()}: {failure.Message}");
        if (parse.GetValue(GlobalOptions.Verbose))
            Console.Error.WriteLine(failure);
        return Failed;
    }

    public static void PrintJson(JsonNode value) => Console.WriteLine(value.ToJsonString(Indented));

    /// <summary>Prints a table, or only its first column, one entry a line, with <c>--quiet</c>.</summary>
    public static void Print(this ParseResult parse, string[] columns, IEnumerable<string[]> rows)
    {
        if (parse.GetValue(GlobalOptions.Quiet))
        {
            foreach (string[] row in rows)
                Console.WriteLine(row[0]);
            return;
        }
        // Never folded or cut to the width of a terminal: the names are long, and the reader may be a program.
        List<string[]> lines = [columns, .. rows];
        int[] widths = [.. Enumerable.Range(0, columns.Length).Select(column => lines.Max(line => line[column].Length))];
        foreach (string[] line in lines)
            Console.WriteLine(string.Join("  ", line.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
    }

    // The command with those it is beneath: "ctr-net snapshots rm".
    private static string CommandPath(this ParseResult parse)
    {
        string path = "";
        for (SymbolResult? result = parse.CommandResult; result is not null; result = result.Parent)
        {
            if (result is CommandResult { Command: not RootCommand } command)
                path = $" {command.Command.Name}{path}";
        }
        return "ctr-net" + path;
    }

    private static bool IsExpected(Exception failure) =>
        failure is ContainerdException or FormatException or ArgumentException or IOException or UnauthorizedAccessException;
}

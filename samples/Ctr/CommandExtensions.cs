using System.CommandLine;
using Containerd;
using Spectre.Console;

namespace Ctr;

/// <summary>How every command runs: over a suite of its own, with errors as one message on standard error.</summary>
internal static class CommandExtensions
{
    /// <summary>The exit code where the command itself failed, so that <c>run</c> can pass on every code of a container (as docker and podman have it).</summary>
    public const int Failed = 125;

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
                Console.Error.WriteLine($"ctr-net {command.Name}: {failure.Message}");
                if (parse.GetValue(GlobalOptions.Verbose))
                    Console.Error.WriteLine(failure);
                return Failed;
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                Console.Error.WriteLine($"ctr-net {command.Name}: cancelled.");
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

    /// <summary>Prints a table, or only its first column, one entry a line, with <c>--quiet</c>.</summary>
    public static void Print(this ParseResult parse, string[] columns, IEnumerable<string[]> rows)
    {
        if (parse.GetValue(GlobalOptions.Quiet))
        {
            foreach (string[] row in rows)
                Console.WriteLine(row[0]);
            return;
        }
        Table table = new Table().Border(TableBorder.None);
        foreach (string column in columns)
            table.AddColumn(new TableColumn(column.EscapeMarkup()).NoWrap().PadRight(2));
        foreach (string[] row in rows)
            table.AddRow(row.Select(cell => cell.EscapeMarkup()).ToArray());
        AnsiConsole.Write(table);
    }

    private static bool IsExpected(Exception failure) =>
        failure is ContainerdException or FormatException or ArgumentException or IOException or UnauthorizedAccessException;
}
